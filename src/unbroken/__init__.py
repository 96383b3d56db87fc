"""Training that continues: the same command again, bit for bit"""
