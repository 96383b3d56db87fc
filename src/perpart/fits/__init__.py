"""Hands fitted to contact maps: what is asked, where to start, what it costs, how it is solved and judged"""
