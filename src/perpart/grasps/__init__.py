"""Making grasps that hold: a hand closes on an object, filters judge, physics shakes"""
