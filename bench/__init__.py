# SPDX-License-Identifier: MIT
"""What Perdure costs, in instructions, beside its peers."""
