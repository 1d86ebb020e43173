"""The short way of a request: found without the framework, asked and answered on the event loop, where nothing is unusual.

Whatever is unusual goes the long way, through the framework and on a thread, and is judged and told there. Both ways share
what decides: the gate, the budgets, permission, the route's function, and the lines of the access log.
"""
