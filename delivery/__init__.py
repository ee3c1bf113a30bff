"""What runs inside the pipeline and by hand, on AWS and on anything that speaks its APIs (boto3)."""
