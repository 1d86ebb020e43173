"""The simulated world in partners' own formats: lists as workbooks and text, messages as XML and JSON.

Each module writes its formats as a party's system would, from what happened and was published. None shares code with the
readers of ``services.producers.formats``: headers, codes and forms are taken anew from what partners use, so that reading
a file back is a test of the reader.
"""

from services.testbed.simulator.files.folder import Deliveries, deliveries, settings, write
from services.testbed.simulator.files.office_records import PartnerFile

__all__ = ["Deliveries", "PartnerFile", "deliveries", "settings", "write"]
