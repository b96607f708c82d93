import { Client } from "memorykit";

const client = new Client({ apiKey: "ctx_pgaMOYMVut5ja27r3hVUCnbxpl9CazCV71dAEm78xQ2TKnAI" });
