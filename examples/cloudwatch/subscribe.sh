#!/bin/sh
# Sends CloudWatch alarms to Kora Wake through an SNS topic. The API must be reachable by https under a public name.
#
#   subscribe.sh https://kora.example.com ALARM…
#
# Before you run it, set KORA_SNS_TOPIC_ARNS for the API to the ARN that `aws sns create-topic --name kora-wake` prints.
# Kora Wake confirms the subscription by itself, and refuses messages of other topics.
set -eu
address=${1:?the address of the API, such as https://kora.example.com}
shift

topic=$(aws sns create-topic --name kora-wake --query TopicArn --output text)
aws sns set-topic-attributes --topic-arn "$topic" --attribute-name SignatureVersion --attribute-value 2
aws sns subscribe --topic-arn "$topic" --protocol https --notification-endpoint "$address/v1/ingest/cloudwatch"

# An existing alarm is changed in the console, or by your own put-metric-alarm with both actions.
for alarm in "$@"; do
  echo "Add to the alarm $alarm: --alarm-actions $topic --ok-actions $topic"
done
