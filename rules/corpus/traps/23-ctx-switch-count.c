unsigned long ctx_switch_count = rq->ctx_switches - prev->ctx_switches;
