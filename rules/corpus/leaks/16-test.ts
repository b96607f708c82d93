it('recalls', () => expect(recall('ctx_5HzlYsLBvlLvCyKfswkZN64Csmbh46m4aag9vZGxG24Dc7vb')).resolves.toBeDefined());
