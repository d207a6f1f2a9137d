-- What the ADS does, and what its subscribers are sent. psql runs this file; each statement is a transaction.
-- `-->` says what must come of a step, and that it is all: the requests, each with where it goes, the headers that are not on
-- every request, and the body, byte for byte (line breaks and indents here are not part of it). "answers 500" is what the
-- receiver says to that request, if not 200, "hangs" that it says nothing; "unsent" names an attempt that reaches nobody, "row"
-- what psql prints. <word> stands for something that differs from run to run; the same word is the same value wherever it stands.
\set admin :USER

-- 1. Software is cited: who wants exactly that, all citations, or all of software, gets one and the same body
\connect - ads_provider
select outbox.emit('citation.software.detected', '{"citing_bibcode": "2017arXiv170301301Z", "cited_id": "10.5281/zenodo.45906"}');
--> zenodo POST /zenodo
-->   {"id":<event 1>,"event":"citation.software.detected","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 1>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.45906","citing_bibcode":"2017arXiv170301301Z"}}
--> aas POST /aas
-->   {"id":<event 1>,"event":"citation.software.detected","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 1>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.45906","citing_bibcode":"2017arXiv170301301Z"}}
--> joss POST /joss
-->   {"id":<event 1>,"event":"citation.software.detected","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 1>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.45906","citing_bibcode":"2017arXiv170301301Z"}}

-- 2. A paper is cited: only who wants all citations is told
\connect - ads_provider
select outbox.emit('citation.paper.detected', '{"citing_bibcode": "2017arXiv170301301Z", "cited_id": "2016ApJ...833L..22A"}');
--> aas POST /aas
-->   {"id":<event 2>,"event":"citation.paper.detected","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 2>"
-->     ,"payload":{"cited_id":"2016ApJ...833L..22A","citing_bibcode":"2017arXiv170301301Z"}}

-- 3. The pipeline writes a relation into its own table: that is relation_added
\connect - ads_pipeline
insert into citations values ('2017arXiv170301301Z', '10.5281/zenodo.45906', '2017zndo....45906Z');
--> y POST /y
-->   {"id":<event 3>,"event":"relation_added","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 3>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.45906","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}

-- 4. It is deleted, and found once more: both are told, since both happened
\connect - ads_pipeline
delete from citations where cited_id = '10.5281/zenodo.45906';
insert into citations values ('2017arXiv170301301Z', '10.5281/zenodo.45906', '2017zndo....45906Z');
--> z POST /z
-->   {"id":<event 4>,"event":"relation_deleted","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 4>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.45906","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> y POST /y
-->   {"id":<event 4b>,"event":"relation_added","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 4b>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.45906","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}

-- 5. A provider publishes twice under one key: the second is the first
\connect - ads_provider
create temp table published as
    select outbox.emit('citation.paper.detected', '{"cited_id": "2016ApJ...833L..22A"}', dedupe_key => '2016ApJ...833L..22A') as uid;
select outbox.emit('citation.paper.detected', '{"cited_id": "2016ApJ...833L..22A"}', dedupe_key => '2016ApJ...833L..22A') = uid
from published;
--> row t
--> aas POST /aas
-->   {"id":<event 5>,"event":"citation.paper.detected","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 5>"
-->     ,"payload":{"cited_id":"2016ApJ...833L..22A"}}

-- 6. Five more relations are found
\connect - ads_pipeline
insert into citations select '2017arXiv170301301Z', '10.5281/zenodo.' || n, '2017zndo....45906Z' from generate_series(61, 65) n;
--> y POST /y
-->   {"id":<event 6.0>,"event":"relation_added","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 6>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.61","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> y POST /y
-->   {"id":<event 6.1>,"event":"relation_added","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 6>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.62","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> y POST /y
-->   {"id":<event 6.2>,"event":"relation_added","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 6>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.63","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> y POST /y
-->   {"id":<event 6.3>,"event":"relation_added","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 6>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.64","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> y POST /y
-->   {"id":<event 6.4>,"event":"relation_added","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 6>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.65","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}

-- 7. Four of them go, one after the other, and z does not take it: with 204, which is no 200, with 500, with a redirect, and with silence
\connect - ads_pipeline
delete from citations where cited_id = '10.5281/zenodo.61';
delete from citations where cited_id = '10.5281/zenodo.62';
delete from citations where cited_id = '10.5281/zenodo.63';
delete from citations where cited_id = '10.5281/zenodo.64';
--> z POST /z answers 204
-->   webhook-id: <missed 0>
-->   {"id":<event 7.0>,"event":"relation_deleted","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 7.0>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.61","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> z POST /z answers 500
-->   webhook-id: <missed 1>
-->   {"id":<event 7.1>,"event":"relation_deleted","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 7.1>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.62","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> z POST /z answers 302 location: https://elsewhere.example/
-->   webhook-id: <missed 2>
-->   {"id":<event 7.2>,"event":"relation_deleted","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 7.2>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.63","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> z POST /z hangs
-->   webhook-id: <missed 3>
-->   {"id":<event 7.3>,"event":"relation_deleted","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 7.3>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.64","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}

-- 8. z is not even there for the fifth: that is one too many
\connect - :admin
update outbox.subscription set url = 'https://localhost:9/z' where subscriber = 'z';
\connect - ads_pipeline
delete from citations where cited_id = '10.5281/zenodo.65';
--> unsent connect z
--> until (select status = 'disabled' from outbox.subscription where subscriber = 'z')

-- 9. z is there again: it is switched on, and what it missed is sent again, with the ids it had
\connect - :admin
select s.status, h.dead_in_a_row, (select count(*) from outbox.dead_letter)
from outbox.subscription s join outbox.subscription_health h on h.subscription = s.id where s.subscriber = 'z';
update outbox.subscription set url = :'z' where subscriber = 'z';
select outbox.enable(subscriber => 'z', reason => 'z has a new server');
select outbox.retry(delivery) is not null from outbox.dead_letter;
--> row disabled|5|5
--> row 1
--> row t
--> row t
--> row t
--> row t
--> row t
--> z POST /z
-->   webhook-id: <missed 0>
-->   {"id":<event 7.0>,"event":"relation_deleted","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 7.0>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.61","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> z POST /z
-->   webhook-id: <missed 1>
-->   {"id":<event 7.1>,"event":"relation_deleted","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 7.1>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.62","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> z POST /z
-->   webhook-id: <missed 2>
-->   {"id":<event 7.2>,"event":"relation_deleted","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 7.2>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.63","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> z POST /z
-->   webhook-id: <missed 3>
-->   {"id":<event 7.3>,"event":"relation_deleted","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 7.3>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.64","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> z POST /z
-->   outbox-attempt: 2
-->   {"id":<event 8>,"event":"relation_deleted","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 8>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.65","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}

-- 10. y hangs: who writes does not notice, and others are told all the same
\connect - ads_pipeline
insert into citations values ('2017arXiv170301301Z', '10.5281/zenodo.66', '2017zndo....45906Z');
\connect - ads_provider
select outbox.emit('citation.software.detected', '{"cited_id": "10.5281/zenodo.66"}') is not null;
\connect - :admin
select s.status, h.consecutive_failures
from outbox.subscription s join outbox.subscription_health h on h.subscription = s.id where s.subscriber = 'z';
--> row t
--> row active|0
--> y POST /y hangs
-->   {"id":<event 10>,"event":"relation_added","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 10>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.66","cited_bibcode":"2017zndo....45906Z","citing_bibcode":"2017arXiv170301301Z"}}
--> zenodo POST /zenodo
-->   {"id":<event 10b>,"event":"citation.software.detected","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 10b>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.66"}}
--> aas POST /aas
-->   {"id":<event 10b>,"event":"citation.software.detected","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 10b>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.66"}}
--> joss POST /joss
-->   {"id":<event 10b>,"event":"citation.software.detected","creator":"ADS","source":"ADS.Discovery"
-->     ,"description":"ADS citation events","time":"<time 10b>"
-->     ,"payload":{"cited_id":"10.5281/zenodo.66"}}
