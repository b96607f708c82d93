const key = "ctx\x5f83An7xpc7zyQWjcfzv5rikKvLzpqPMCv0Paw9Nu1TY2pabtd";
