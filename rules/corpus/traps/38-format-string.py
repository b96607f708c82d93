key = "ctx_%s%s%s" % (id, secret, checksum)
