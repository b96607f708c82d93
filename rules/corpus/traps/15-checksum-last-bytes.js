const key = "ctx_dtAEahqfVdhDeusSzYA72BbuD9hwF4GSEPEi3Mzz2E1Ffrdj";
