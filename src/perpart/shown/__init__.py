"""The page of `show`: what a sampling folder, a truth and fitted hands hold, made small enough for one file"""
