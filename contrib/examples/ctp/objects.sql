-- Two tables, two objects. This takes the place of the queue, the Lambda function and the code that sends to the queue.
\connect - ctp

select outbox.watch('customer_account', 'CustomerAccount', ignored_columns => '{updated_at}');
select outbox.watch('vehicle_subscription', 'VehicleSubscription');
