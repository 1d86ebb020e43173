-- Why reservations for the applicants were refused, where the applicant itself had reserved at another bank before, and the
-- application was refused to the end. A bank that asks again for what it holds, whoever finds his cargo taken by a stranger, and
-- a take-over to which the first bank consents later, have offered nothing twice.
SELECT d.guard, d.at, d.application, d.headers FROM lianyun.financing_decision d
WHERE d.applicant = ANY (%(applicants)s) AND d.action = 'RESERVE' AND d.outcome = 'REFUSED'
  AND EXISTS (SELECT FROM lianyun.financing_decision e
              WHERE e.applicant = d.applicant AND e.number < d.number AND e.action = 'RESERVE' AND e.outcome = 'DONE'
                AND e.asked_by <> d.asked_by)
  AND NOT EXISTS (SELECT FROM lianyun.financing_decision e
                  WHERE e.applicant = d.applicant AND e.application = d.application AND e.action = 'RESERVE'
                    AND e.outcome = 'DONE')
ORDER BY d.number
