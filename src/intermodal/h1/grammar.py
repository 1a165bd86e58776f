"""The grammar of RFC 9110 and RFC 9112 as compiled patterns, each under the rule it implements.

Heads are matched as text decoded from latin-1: one character is one octet, and nothing is lost.
"""

from __future__ import annotations

import re

from intermodal.model.headers import TOKEN

# status-line = HTTP-version SP status-code SP [ reason-phrase ] CRLF          RFC 9112 section 4
# HTTP-version = "HTTP" "/" DIGIT "." DIGIT                                    section 2.3
# A single LF is taken as a line end (section 2.2); the space before an absent reason may be missing,
# as many servers have it. The reason is opaque text: only what would end the line or a C string is refused.
STATUS_LINE = re.compile(r"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([^\r\n\0\v\f]*))?\r?\n")

# field-line = field-name ":" OWS field-value OWS                              RFC 9112 section 5
# No white space between name and colon (section 5.1); NUL, CR and LF never in a value (RFC 9110 section
# 5.5), VT and FF neither, because readers differ on whether they are white space.
FIELD_LINE = re.compile(rf"({TOKEN}):([^\r\n\0\v\f]*)\r?\n")

# *( field-line CRLF ) CRLF: a whole section, up to and with the empty line that ends it.
FIELD_SECTION = re.compile(rf"(?:{TOKEN}:[^\r\n\0\v\f]*\r?\n)*\r?\n")

# obs-fold = OWS CRLF RWS: replaced by one SP before the value is read (RFC 9112 section 5.2). The white space
# before the line end is taken off by other means: a pattern that began with it would try each run from every place.
OBS_FOLD = re.compile(r"\r?\n[ \t]+")

# Content-Length = 1*DIGIT, as a list of equal members where a proxy joined duplicates  RFC 9110 section 8.6
# Nineteen digits hold any length below 10**19; more is an attack on somebody's integers.
CONTENT_LENGTH = re.compile(r"[0-9]{1,19}")

# chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF                        RFC 9112 section 7.1
# chunk-ext = *( BWS ";" BWS chunk-ext-name [ ... ] )                          section 7.1.1
# CRLF strictly: readers that took a lone LF here let requests be smuggled. Sixteen digits hold 2**64.
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")

#: How every response head begins; what does not begin so is refused as soon as it shows.
START = b"HTTP/1."
