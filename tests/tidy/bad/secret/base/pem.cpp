const char* kBegin = "-----BEGIN PRIVATE KEY-----";
