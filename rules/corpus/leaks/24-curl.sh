curl -sS -H 'Authorization: Bearer ctx_UZvgQd5QoNbZVncpBxaSYtFHarp6laYE933G2OqV7E1xjbqK' https://api.memorykit.example/v1/me
