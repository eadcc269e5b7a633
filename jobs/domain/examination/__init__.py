"""A judge's examination: texts whose right score, or right place among others, is known beforehand.

All are made by rule from the brand's own guide, facts and golden texts, and short word lists for
each language; so an examination costs nobody a day, and the judge cannot have learned its texts.
"""
