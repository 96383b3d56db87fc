"""Data to train on: sets of grasps, their labels, and what is drawn from them"""
