create or replace trigger subscription_tombstone after delete on outbox.subscription
    for each row execute function outbox.keep_tombstone();
