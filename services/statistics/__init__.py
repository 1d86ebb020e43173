"""Statistics of trade and finance by corridor and month, published so that nobody's cargo can be read out of them.

From accepted signed events alone: each consignment that left in a month is evaluated as of the publication (``domain/observations``), each pledge of it
from the signed decisions of the platform; both become observations of a definition (``domain/definitions``), which are
published by the rules of disclosure (``domain/publication``): a month once it is over for a month, and once more as final. What was published
stands in lianyun.statistics_publication and lianyun.statistics_figure with the position in the ledger that it rests on, so
``store/publisher`` can derive it again from the events at any time and compare.
"""
