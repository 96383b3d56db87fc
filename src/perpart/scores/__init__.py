"""Figures of merit: functions of maps, counts and distances, each with its formula and source"""
