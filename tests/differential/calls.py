"""The table: every row, by name."""

from differential.rows import answers, bodies, cookies, headers, logins, params, redirects, roads

ROWS = [
    row for part in (params, bodies, headers, cookies, redirects, logins, roads, answers) for row in part.TABLE.rows
]
