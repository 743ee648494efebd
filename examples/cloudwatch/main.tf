# Sends CloudWatch alarms to Kora Wake through an SNS topic. The API must be reachable by https under a public name.
#
# Set KORA_SNS_TOPIC_ARNS for the API to the output before you apply the subscription: Kora Wake confirms it by itself, and refuses
# messages of other topics. Add the topic to `alarm_actions` and `ok_actions` of each alarm.
resource "aws_sns_topic" "kora_wake" {
  name              = "kora-wake"
  signature_version = 2
}

resource "aws_sns_topic_subscription" "kora_wake" {
  topic_arn              = aws_sns_topic.kora_wake.arn
  protocol               = "https"
  endpoint               = "https://kora.example.com/v1/ingest/cloudwatch"
  endpoint_auto_confirms = true
}

resource "aws_cloudwatch_metric_alarm" "example" {
  alarm_name          = "shop-5xx"
  alarm_description   = "The load balancer answers with errors."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  period              = 60
  evaluation_periods  = 1
  alarm_actions       = [aws_sns_topic.kora_wake.arn]
  ok_actions          = [aws_sns_topic.kora_wake.arn]
}

output "kora_sns_topic_arns" {
  value = aws_sns_topic.kora_wake.arn
}
