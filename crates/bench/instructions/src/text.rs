//! A text that looks like source code, contains the prefix but no key, and never changes.

/// A text of 64 KiB. It is aligned, because a search reads aligned pieces: their number would depend on the address.
#[repr(align(64))]
pub struct Text([u8; 1 << 16]);

pub static TEXT: Text = {
    let mut text = [0; 1 << 16];
    let mut index = 0;
    while index < text.len() {
        text[index] = PIECE[index % PIECE.len()];
        index += 1;
    }
    Text(text)
};

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

const PIECE: &[u8] = br#"
/* Gives the processor to the next task that is ready, or keeps it if there is none. */
static int schedule(struct queue *queue, struct task *current)
{
    struct task *next = queue_first(queue);
    if (next == NULL || next->priority < current->priority)
        return 0;

    save_registers(&current->registers);
    current->state = TASK_READY;
    current->cpu_time += clock_now() - current->started;
    queue_append(queue, current);

    queue->ctx_switch_count += 1;
    next->state = TASK_RUNNING;
    next->started = clock_now();
    restore_registers(&next->registers);
    return 1;
}

# The service reads its key from the environment, or from here:
#
#     key = "ctx_your_api_key_here"
#     url = "https://api.example.com/v1/memories?limit=50&order=newest"
#
# One request takes about 20 ms, so four workers are enough for 200 requests a second. With more, raise
# the limit of open files, too. Each worker keeps its own connection, and opens it again after an error.
"#;
