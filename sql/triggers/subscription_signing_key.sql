create or replace trigger subscription_signing_key after insert on outbox.subscription
    for each row execute function outbox.make_signing_key();
