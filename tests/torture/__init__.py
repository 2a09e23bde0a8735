"""What the store promises, tried until it would have broken: kills, power losses, full disks.

``make torture`` runs the long forms and prints figures; ``make test`` runs short ones.
"""
