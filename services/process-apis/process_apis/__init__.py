"""Process APIs: durable workflows that compose the system APIs, and operations, where people mend what is stuck."""
