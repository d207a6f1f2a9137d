create or replace trigger subscription_check before insert or update on outbox.subscription
    for each row execute function outbox.check_subscription();
