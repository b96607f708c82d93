const key = `ctx_${id}${secret}${checksum}`;
