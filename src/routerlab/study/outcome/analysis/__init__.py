"""What any policy would have got from a matrix of outcomes: quality, cost, the effect of a right label, a
verdict. Nothing is asked again.
"""
