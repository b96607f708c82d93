client := memorykit.New("ctx_IlmiN4IVtUhO2hlp7GZNFA9OngqkDxTxSoycapnXAJ22KYzV")
