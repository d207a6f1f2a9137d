create or replace trigger setting_check before insert or update on outbox.setting
    for each row execute function outbox.check_setting();
