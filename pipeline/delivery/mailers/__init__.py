"""One module for each way out; they all look like `delivery.ports.Mailer`."""
