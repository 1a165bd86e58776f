"""The transport does what the contract says, as far as it declares to."""

from intermodal_template import TemplateTransport

from intermodal.conformance import TransportConformance


class TestConformance(TransportConformance):
    """Each case of the kit is a test."""

    def make_transport(self):
        """Make the transport that is tried."""
        return TemplateTransport()
