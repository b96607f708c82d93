const shape = /ctx_[0-9A-Za-z]{42}[0-4][0-9A-Za-z]{5}/;
