"""The classifier: parameters, fitting, pretrained networks."""
