static void ctx_sched_out(struct ctx_data *ctx_ptr) { ctx_put(ctx_ptr); }
