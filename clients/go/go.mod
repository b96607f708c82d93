// A placeholder: the owner replaces `example.com` by the repository's address before the first release.
module example.com/memorykit/ctxkey

go 1.19
