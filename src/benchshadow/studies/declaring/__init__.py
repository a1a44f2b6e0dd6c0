"""The study file: what a study decides before anything runs, and the rules that hold between its parts."""
