"""Forecasts of arrival held against simulated worlds that the estimator has not seen."""
