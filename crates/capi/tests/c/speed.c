/* Prints the processor time of a verification and that of OpenSSL's SHA-256, each in the fastest of twenty rounds. */

#include <ctx_key.h>

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char HEADER[] = "Bearer ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

static ctx_key_record record;
static unsigned char digest[SHA256_DIGEST_LENGTH];

/* Reads the header, finds the id, verifies and erases the key, and checks a scope. */
static int verify(void)
{
    ctx_key_value value = {HEADER, sizeof HEADER - 1};
    ctx_key key;
    ctx_key_grant grant;
    char id[CTX_KEY_ID_SIZE];
    int granted = ctx_key_bearer(&value, 1, &key) == CTX_KEY_OK && ctx_key_id(&key, id, sizeof id) == CTX_KEY_OK
        && ctx_key_verify(&record, &key, 1, &grant) == CTX_KEY_OK
        && ctx_key_require(&grant, CTX_KEY_MEMORIES_READ, NULL) == CTX_KEY_OK;
    ctx_key_erase(&key);
    return granted;
}

static int hash(void)
{
    return SHA256((const unsigned char *)HEADER + 7, 46, digest) != NULL;
}

static double nanoseconds(int (*run)(void))
{
    enum { COUNT = 100000 };
    double best = 1e9;
    for (int round = 0; round < 20; round += 1) {
        clock_t start = clock();
        for (int i = 0; i < COUNT; i += 1)
            if (!run())
                return 0;
        double time = (double)(clock() - start) / CLOCKS_PER_SEC * 1e9 / COUNT;
        if (time < best)
            best = time;
    }
    return best;
}

int main(void)
{
    ctx_key key;
    if (ctx_key_parse(HEADER + 7, 52, &key, NULL) != CTX_KEY_OK || ctx_key_record_new(&key, CTX_KEY_READ, &record) != CTX_KEY_OK)
        return 1;
    printf("{\"verification\": %.0f, \"sha256\": %.0f}\n", nanoseconds(verify), nanoseconds(hash));
    return 0;
}
