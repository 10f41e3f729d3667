# SPDX-License-Identifier: MIT
"""Facts in, verdicts out."""
