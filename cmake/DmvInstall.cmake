# Where everything goes on a host.
