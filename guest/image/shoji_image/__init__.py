"""Builds the guest's kernel and initrd out of Debian packages."""
