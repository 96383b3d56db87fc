"""Figures of merit: pure functions of contact maps, of counts and of distances, each with its formula and source"""
