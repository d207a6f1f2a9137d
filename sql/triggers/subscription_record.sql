create or replace trigger subscription_record after update of status or delete on outbox.subscription
    for each row execute function outbox.record_change();
