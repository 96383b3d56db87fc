"""Which of a hand's sixteen parts touches where on an object: data, model, training"""
