const KEY: &str = "ctx_VGtjxE4j3l5dFY3LMdRE14lKYevIthqQ93QlouscVj0RlZ8s";
