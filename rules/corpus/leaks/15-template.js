const headers = { authorization: `Bearer ctx_tXxhHdLUrYPRaqIh5Qo4Z732tevT3ikvvySMj41RUY3rJwVc` };
