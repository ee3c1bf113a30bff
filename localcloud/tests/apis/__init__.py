"""Tests of the local cloud's APIs, by boto3."""
